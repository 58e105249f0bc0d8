"""What `doctor` finds in a data folder and puts right; what backups are made of."""
