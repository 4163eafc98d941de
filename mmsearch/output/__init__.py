"""Results for people and programs: tables, JSON, CSV, and pictures on terminals. Prints nothing."""
