"""PDFs that somebody brings, read in a process of their own with little memory and little time.

A PDF is a program for its reader: streams that unpack to gigabytes, pages that name themselves, forms within forms. Whatever one of
them does, it does to a process that is there for it alone, and the worker hears a sentence.
"""

from portal.pdfs.reading import MOST_PAGES, Fault, UnreadablePdf, bound, texts

__all__ = ["MOST_PAGES", "Fault", "UnreadablePdf", "bound", "texts"]
