print("to be run")
