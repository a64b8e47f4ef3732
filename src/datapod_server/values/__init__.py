"""Values: what a cell may hold, how it is named, ordered, hashed and written.

path.py        names of rows and columns: lists of elements, their printed form and natural order
rowhash.py     the 64-bit hash of a path
timestamp.py   points in time, their text, and times as they arrive from REST and from code
interval.py    months, days and seconds
atoms.py       the union of all cell values: order, equality, text form, truth
json.py        cell values and answers as JSON
rows.py        cells and rows as they travel between rooms
"""
