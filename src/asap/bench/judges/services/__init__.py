"""Who answers questions about pictures: services on the network, and models in this process."""
