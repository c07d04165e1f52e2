"""The money: holds, payments, and the ledger that they are kept in."""
