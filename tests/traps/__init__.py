"""What trips up real integrators: one test for each trap that the facts about Procore list."""
