"""The verbs of the contract, each told as its steps."""
