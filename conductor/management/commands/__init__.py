"""Commands that concern the whole deployment."""
