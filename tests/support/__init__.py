"""What several test rooms share: servers, fakes, invented missions."""
