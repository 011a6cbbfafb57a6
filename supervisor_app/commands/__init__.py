"""What a person does with a supervisor on this machine."""
