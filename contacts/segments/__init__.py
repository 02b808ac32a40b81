"""
Segments at work: kept by hand, and rule segments whose members are written down.

Members of a rule segment are kept up to date only while a running conversation starts
when somebody enters or leaves it: `follow` begins and ends that, `keep` does it.
"""

from contacts.segments.keeping import keep
from contacts.segments.tracking import admit, follow

__all__ = ["admit", "follow", "keep"]
