"""What `doctor` finds in a data folder and repairs; what backups are made of."""
