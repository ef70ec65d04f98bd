"""A crowd: a hundred thousand contracts that wait, a thousand that fail for ever, and one new mission."""
