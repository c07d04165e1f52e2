"""What a user tests sagas and participants with: mocks made from contracts, and the participants' conformance kit."""
