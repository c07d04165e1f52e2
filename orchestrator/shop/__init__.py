"""The example application: its sagas and its typed API. The library never imports it."""
