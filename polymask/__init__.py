"""polymask."""
from polymask.errors import *
from polymask.model import *
