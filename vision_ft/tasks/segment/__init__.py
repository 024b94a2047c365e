"""Segmentation: `task` for training and export, `judge` (free of torch) for evaluation."""
