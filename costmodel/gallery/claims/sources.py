"""The papers that are quoted more than once."""

CANZIANI = "Canziani et al. 2016, arXiv:1605.07678"
ARTICLE = "the article 'Neural network architectures'"
MOBILENET = "Howard et al. 2017, arXiv:1704.04861"
RESNET = "He et al. 2015, arXiv:1512.03385"
GOOGLENET = "Szegedy et al. 2014, arXiv:1409.4842"
INCEPTION = "Szegedy et al. 2015, arXiv:1512.00567"
VGG = "Simonyan and Zisserman 2014, arXiv:1409.1556"
