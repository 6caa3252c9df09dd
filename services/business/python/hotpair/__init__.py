"""Services of a pair, in Python: see README.md.

A service says what its operations do; the runtime does the rest. It connects to the host, gives each request a transaction, commits
once for each, runs the handler again when another request was faster, repeats recorded answers, and waits out a restart of the
updater.
"""
from ._errors import Conflict, Error, Malformed, Misuse, NotFound, TooLarge
from ._items import ALL, Due, Item, Page
from ._service import Handler, Operation, Service
from ._tx import MAX_SCAN, Tx

__all__ = ["ALL", "MAX_SCAN", "Conflict", "Due", "Error", "Handler", "Item", "Malformed", "Misuse", "NotFound", "Operation", "Page", "Service",
           "TooLarge", "Tx"]
__version__ = "0.1.0"
