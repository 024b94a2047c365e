"""What figures are called in reports and tables, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FigureName:
    """A figure's name for people."""

    title: str
    meaning: str
    rate: bool = False
    """Whether it is written as a percentage."""
    error: bool = False
    """Whether less is better."""
    unit: tuple[str, str] | None = None
    """What a rate counts, in the singular and the plural."""


_NAMES = {
    "escape_rate": FigureName(
        "Escape rate", "defective parts that pass", True, True, ("defective part", "defective parts")
    ),
    "overkill_rate": FigureName(
        "Overkill rate", "good parts that are rejected", True, True, ("good part", "good parts")
    ),
    "review_share": FigureName("Review share", "parts that a person looks at", True, False, ("part", "parts")),
    "out_of_scope": FigureName("Out of scope", "images unlike the training images", True, False, ("image", "images")),
    "balanced_accuracy": FigureName("Balanced accuracy", "mean recall of the classes"),
    "macro_f1": FigureName("Macro F1", "mean F1 of the classes"),
    "accuracy": FigureName("Accuracy", "images answered right"),
    "ece": FigureName("Calibration error", "how far probabilities are off (ECE)", error=True),
    "nll": FigureName("Negative log-likelihood", "how much the labels surprise the model", error=True),
    "recall": FigureName("Recall", "share of what is labelled that was found"),
    "precision": FigureName("Precision", "share of what was answered that is right"),
    "f1": FigureName("F1", "harmonic mean of recall and precision"),
    "map_50": FigureName("mAP50", "mean average precision, boxes matched at IoU 0.5"),
    "map": FigureName("mAP50-95", "mean average precision over IoU 0.5 to 0.95 (COCO)"),
    "ap_50": FigureName("AP50", "average precision, boxes matched at IoU 0.5"),
    "ap": FigureName("AP50-95", "average precision over IoU 0.5 to 0.95 (COCO)"),
    "mean_iou": FigureName("Mean IoU", "overlap with the labelled area, mean of the defect classes"),
    "mean_dice": FigureName("Mean Dice", "overlap as Dice, mean of the defect classes"),
    "iou": FigureName("IoU", "intersection over union with the labelled area"),
    "dice": FigureName("Dice", "overlap with the labelled area (F1 of pixels)"),
    "recall_per_defect": FigureName(
        "Defects found", "labelled defects that are met at IoU 0.1", True, False, ("defect", "defects")
    ),
    "object_recall": FigureName("Objects found", "labelled objects that are found", True, False, ("object", "objects")),
    "object_precision": FigureName(
        "Right detections", "detections that meet a labelled object", True, False, ("detection", "detections")
    ),
    "false_alarm_area": FigureName("False-alarm area", "share of good parts' area that is marked", True, True),
    "image_auroc": FigureName("Image AUROC", "a defective image scores higher than a good one"),
    "image_ap": FigureName("Image AP", "average precision of the image score"),
    "pixel_auroc": FigureName("Pixel AUROC", "a defective pixel scores higher than a good one"),
    "aupro": FigureName("AUPRO", "overlap with defects, up to 30 % false alarms by area"),
}


def figure_name(name: str) -> FigureName:
    """What a figure is called; a figure that is not known here goes by its own name."""
    return _NAMES.get(name) or FigureName(name.replace("_", " "), "")
