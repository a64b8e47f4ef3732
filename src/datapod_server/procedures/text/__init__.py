"""Text files: from bytes to typed columns, for `import.text`.

layout.py     what the parameters say about a file: delimiter, quote, encoding ...; their checks
lines.py      a stream as lines and as blocks of whole lines
header.py     the header line, or the names that stand for it
fields.py     one field's text to its value
tokenizer.py  one line to its fields: the definition of right
exact.py      a block of lines to columns by the tokenizer, line by line, with bad lines named
fast.py       the same by Arrow's CSV reader, for blocks in which the two are sure to agree
block.py      what both give

Source: datasets-and-procedures.md, 4.
"""
