"""Pages for people, complete in themselves: they load nothing from elsewhere."""
