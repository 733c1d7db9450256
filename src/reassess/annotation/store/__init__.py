"""All that speaks SQL: what is kept of a campaign, and each change of it as one transaction."""
