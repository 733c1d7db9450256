"""The first form of the tables of a campaign. Nothing migrates to it: a new campaign has the tables of today."""

revision = "0001"
down_revision = None
