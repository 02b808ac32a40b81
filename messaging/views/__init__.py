"""The pages of messages: written, tried out, sent, looked up."""
