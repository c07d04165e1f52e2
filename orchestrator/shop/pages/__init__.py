"""The shop in the browser: its products, an order as it arrives, and what was ordered by day.

The library's console gives the layout, the sign-in and the protection against forged forms; see
:mod:`orchestrator.console.application_pages`. Everything is read and done through the engine's facade, as by the
shop's API.

| module        | is about                                                                             |
|---------------|--------------------------------------------------------------------------------------|
| ``routes``    | the paths, and the role that each needs                                              |
| ``front``     | the products, the cart, **Buy**                                                      |
| ``cart``      | what is in the cart, which the address of the page holds                             |
| ``rehearsal`` | what may go wrong on purpose, and what has to be done for that                       |
| ``faults``    | tells the services what is to go wrong                                               |
| ``order``     | one order, as it arrives                                                             |
| ``progress``  | the same as values: what a customer reads, and the orchestrator's words beside that  |
| ``words``     | what each step of an order is to a customer                                          |
| ``days``      | what was ordered by day, and why orders failed                                       |
| ``sales``     | how many products that were, read from the sagas' inputs                             |
"""
