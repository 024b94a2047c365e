"""Labelled images in: index, formats, cards, splits, duplicates and health. Free of torch."""
