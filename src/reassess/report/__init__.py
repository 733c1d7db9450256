"""Results as figures; matplotlib, of the extra `report`, is imported when one is drawn and not before."""
