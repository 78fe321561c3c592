"""The receiver: takes deliveries in and shows applications. It never touches workloads, Git or Helm."""
