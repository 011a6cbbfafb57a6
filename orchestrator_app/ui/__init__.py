"""What people see: what the pages show, decided from documents."""
