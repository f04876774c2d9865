import Containers
print("softpm")
