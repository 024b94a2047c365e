"""What can go wrong, as one tree.

    VisionFTError                 exit code 1
    |-- UsageError                exit code 2: the command or the recipe is wrong
    |   `-- RecipeError
    |-- DataError                 the labelled images, their index or their split
    |   |-- ImageError            one image cannot be used
    |   |   |-- NotAnImageError
    |   |   |-- TruncatedImageError
    |   |   `-- ImageTooLargeError
    |   `-- SplitError
    |-- BackboneError             a backbone cannot be built or its weights cannot be had
    |   `-- HubUnavailableError
    |-- TrainingError             a run cannot go on
    |-- BundleError               a bundle cannot be read, or is not what it claims to be
    |   |-- ChecksumError
    |   `-- ManifestError
    |-- ParityError               an export does not answer like the model it came from
    `-- MissingExtraError         an optional dependency is not installed

Every error is one sentence or two that a person can act upon: the subject (what is
wrong and where), what was expected, what was received, and the remedy.
"""

from __future__ import annotations


class VisionFTError(Exception):
    """Base of every error that a user of vision-ft can cause or must know of.

    `subject` says what and where, `expected` and `got` what the rule is and what was
    received instead, `remedy` what to do next. All but `subject` may be left empty.
    """

    exit_code = 1

    def __init__(self, subject: str, *, expected: str = "", got: str = "", remedy: str = "") -> None:
        self.subject = subject
        self.expected = expected
        self.got = got
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        details = []
        if self.expected:
            details.append(f"expected {self.expected}")
        if self.got:
            details.append(f"got {self.got}")
        text = self.subject + (f": {', '.join(details)}" if details else "")
        if text.endswith("\n"):
            # A list ends with its last line, and the remedy stands on one of its own.
            return f"{text}{self.remedy}".rstrip()
        if not text.endswith((".", "!", "?")):
            text += "."
        return f"{text} {self.remedy}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive a worker process otherwise.
        return (_rebuild, (type(self), self.subject, self.expected, self.got, self.remedy))


def _rebuild(kind: type[VisionFTError], subject: str, expected: str, got: str, remedy: str) -> VisionFTError:
    return kind(subject, expected=expected, got=got, remedy=remedy)


class UsageError(VisionFTError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe has an unknown key, a wrong type or a combination that cannot work."""


class DataError(VisionFTError):
    """The labelled images, their index or their labels are not usable as they are."""


class ImageError(DataError):
    """One image cannot be used."""


class NotAnImageError(ImageError):
    """The bytes are of no image format that is read here."""


class TruncatedImageError(ImageError):
    """The image starts well and ends early, or is damaged inside."""


class ImageTooLargeError(ImageError):
    """The image has more pixels or bytes than the limit allows."""


class SplitError(DataError):
    """A split is not saved, contradicts itself, or lets a group straddle two splits."""


class BackboneError(VisionFTError):
    """A backbone cannot be built, or cannot give what is asked of it."""


class HubUnavailableError(BackboneError):
    """Pretrained weights cannot be fetched from here."""


class TrainingError(VisionFTError):
    """A run cannot start or go on."""


class BundleError(VisionFTError):
    """A bundle cannot be read or used."""


class ChecksumError(BundleError):
    """A file of a bundle is not the file that was written."""


class ManifestError(BundleError):
    """The manifest of a bundle is missing, unreadable or of a newer schema."""


class ParityError(VisionFTError):
    """An exported graph does not answer like the model that it came from."""


class MissingExtraError(VisionFTError):
    """An optional dependency is needed and not installed."""
