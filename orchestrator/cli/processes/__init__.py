"""``orchestrator serve --processes N``: so many replicas on one port, each a process, and their parent.

The parent is small: it imports the standard library alone, and above all not gRPC, whose threads do not survive a fork.
"""
