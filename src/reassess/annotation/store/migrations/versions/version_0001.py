"""The first schema version of a campaign. Nothing migrates to it: a new campaign has the current tables."""

revision = "0001"
down_revision = None
