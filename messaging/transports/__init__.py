"""What several providers are made of: lines of SMTP, kept HTTP connections, signatures, callbacks."""
