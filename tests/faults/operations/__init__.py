"""The machine around the service: its clock, its memory, its disks, its pipes, and who reads its log."""
