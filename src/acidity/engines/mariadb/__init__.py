"""MariaDB, through PyMySQL, mysqlclient and aiomysql."""
