"""Print files of a batch: asked for on a page, made by a worker, kept for some days."""
