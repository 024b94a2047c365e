"""The report: one self-contained HTML page for people who answer for quality."""

from __future__ import annotations

from vision_ft.evaluation.report.page import write_report

__all__ = ["write_report"]
