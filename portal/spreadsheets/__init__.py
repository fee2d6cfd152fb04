"""Workbooks (.xlsx) that somebody brings, opened only after everything in them was measured.

A small file may unpack to gigabytes, say something else about its size, or have two cells in far corners of a sheet that a reader
would hold as a rectangle. So every part is unpacked once, measured on the way and written to an archive of our own; that one is what
the reader opens, and it holds nothing else: no pictures, no macros, no other format in disguise.
"""

from portal.spreadsheets.opening import Book, Row, Sheet, is_workbook, opened
from portal.spreadsheets.refusal import Bounds, Fault, Unusable

__all__ = ["Book", "Bounds", "Fault", "Row", "Sheet", "Unusable", "is_workbook", "opened"]
