"""
Imports: files of contacts or orders, taken chunk by chunk.

`reading` finds out how a file is written and yields its records; `columns` says what the
columns are; `rows` and `order_rows` make typed rows of them; `chunk` and `order_chunk`
store one chunk; `running` takes chunk after chunk. Each chunk is one transaction with its
rejects, its counters and its position in the file: a killed import goes on where it
stopped, and the bar reads committed rows.
"""

# The verbs come first: they import these modules in their turn.
import contacts.actions  # noqa: F401
