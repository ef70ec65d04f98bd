"""Tests of the document vault and of the PDF check."""
