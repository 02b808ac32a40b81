"""What stands at the other end in the tests: real servers, some of them badly behaved."""
