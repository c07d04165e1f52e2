"""The parts of a world in which tests run the engine: one of each, for the matrix, the simulation and unit tests.

::

    virtual_loop     schedules what is ready, and lets time pass when nothing is
    clock            the engine's clock, on virtual time or moved by a test
    journal          one replica's connection to a journal, which can fail
    switched_journal that connection, switched by a test
    network          one replica's connection to the participants
    participants     answers that a test scripts
    observer         remembers what it is told
"""
