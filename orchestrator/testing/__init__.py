"""The kit with which users test sagas and participants.

The fault matrix of a saga, the simulator, mocks made from contracts, and the participants' conformance kit.
"""
