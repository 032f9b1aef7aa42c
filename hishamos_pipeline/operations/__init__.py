"""What keeps an installation running for weeks: who lives, what failed, what is told, what is removed."""
