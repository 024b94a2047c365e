"""The torch half of each task: one folder a task, and what they share."""
