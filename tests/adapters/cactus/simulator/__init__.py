"""The simulator keeps the contract of CACTUS, request by request, and its pages can be used."""
