"""What the service is told: settings and clinical content. Imports nothing of ours."""
