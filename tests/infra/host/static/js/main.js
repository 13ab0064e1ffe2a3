document.documentElement.dataset.host = "loaded";
