"""Who may do what: how a caller is known, what a caller may do, and the refusal of all else.

::

    credentials ──▶ authentication ──▶ Subject ──▶ decisions ──▶ the call, or a refusal with its reason
    token,          token file,        name,       the role that the contract of the rpc states;
    certificate     JWT, local token   roles       the definitions and attributes to which the subject is narrowed

Nothing here knows gRPC: the interceptor in ``api`` takes credentials out of a call, and asks.
"""
