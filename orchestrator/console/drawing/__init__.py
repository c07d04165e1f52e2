"""Pictures of sagas: the flow of their code, and their time. Pure; they know no page and no request."""
