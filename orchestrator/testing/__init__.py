"""What a user tests sagas and participants with.

The fault matrix of a saga, mocks made from contracts, and the participants' conformance kit.
"""
