) AS f ON true
