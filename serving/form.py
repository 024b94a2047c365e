"""Multipart forms, kept in memory and under the limits of `body`."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serving.body import BodyReader
from serving.errors import EmptyBodyError, MalformedFormError, MissingFieldError, TooManyImagesError

_MOST_FIELDS = 32


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read."""

    images: list[bytes]
    """Contents of the files, in order."""
    names: list[str]
    """File names as the client gave them, in the images' order."""
    fields: list[tuple[str, str]]
    """The other fields, in order."""


class _Parser(MultiPartParser):
    # The reader bounds the bytes; a file on disk would outlive a crash with a customer's part in it.
    spool_max_size = 1 << 62

    @property
    def _charset(self) -> str:
        # Whatever charset the content type names: some that Python knows raise what nobody catches, or make text
        # that cannot be written. What is no UTF-8 is read as Latin-1, which is never wrong about bytes.
        return "utf-8"

    @_charset.setter
    def _charset(self, value: str) -> None:
        """The parser sets what it was told."""

    def close(self) -> None:
        """Release every file, also those that never ended."""
        for file in self._files_to_close_on_error:
            file.close()


async def read_form(request: Request, reader: BodyReader, *, field: str, most: int) -> Form:
    """Read a form whose files are all in the field `field`, at most `most` of them.

    Raises what the reader raises, `MalformedFormError`, `MissingFieldError`,
    `TooManyImagesError` and `EmptyBodyError`.
    """
    # The parser counts one file more, so that the refusal can be worded here.
    parser = _Parser(request.headers, reader.stream(), max_files=most + 1, max_fields=_MOST_FIELDS, max_part_size=4096)
    try:
        async with reader.in_time():
            form = _sort(await parser.parse(), field)
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many(most) from None
        raise MalformedFormError("The multipart form cannot be read", got=error.message.rstrip(".")) from None
    finally:
        parser.close()
    if not form.images:
        raise _missing(field, "no complete file")
    if len(form.images) > most:
        raise _too_many(most)
    return form


def _sort(data: FormData, field: str) -> Form:
    form = Form([], [], [])
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            if name != field:
                raise _missing(field, f"a file in the field {name[:60]!r}")
            form.images.append(value.file.read())
            form.names.append((value.filename or "")[:200])
        elif name == field:
            raise _missing(field, "text without a file name")
        else:
            form.fields.append((name, value))
    return form


def check_not_empty(image: bytes) -> None:
    """Raise `EmptyBodyError` for an image without bytes."""
    if not image:
        raise EmptyBodyError("The request carries no image", expected="the bytes of an image file", got="0 bytes")


def _missing(field: str, got: str) -> MissingFieldError:
    return MissingFieldError(
        "The form lacks the image",
        expected=f"a file in the field {field!r}",
        got=got,
        remedy=f"With curl: -F {field}=@part.jpg.",
    )


def _too_many(most: int) -> TooManyImagesError:
    return TooManyImagesError(
        "The request has too many images",
        expected=f"at most {most}",
        remedy="Send one, or use /v1/predict/batch." if most == 1 else "Send them in several requests.",
    )
